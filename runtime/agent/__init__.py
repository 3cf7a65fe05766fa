"""The loop: verdict, observe, diff, intent, apply, result."""
