"""Training a challenger, comparing it with the champion, and asking for approval."""
