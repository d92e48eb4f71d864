"""Which version serves: finding, trusting, loading, promoting and rolling back."""
