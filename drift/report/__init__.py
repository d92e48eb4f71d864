"""What a person reads afterwards: one self-contained page for each deployment."""
