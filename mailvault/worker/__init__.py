"""The loop that moves mail, and the processes it runs in."""
