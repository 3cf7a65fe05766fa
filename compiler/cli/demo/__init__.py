"""The demo: the main job on a real PostgreSQL, one scene after the other, in plain words."""
