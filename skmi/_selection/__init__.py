"""What the selector of columns is made of: codes, counts, screens, greedy steps."""
