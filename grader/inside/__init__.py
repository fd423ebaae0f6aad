"""What runs beyond the wall, and nothing else. Imports nothing of ours but itself."""
