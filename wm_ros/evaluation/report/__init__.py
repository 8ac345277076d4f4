"""What an evaluation came to, as one HTML file and as JSON."""
