"""Running systems: observe() never changes anything, perform() makes one idempotent change."""
