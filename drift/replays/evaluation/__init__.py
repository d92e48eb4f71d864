"""What a replay knows in hindsight: where drift is, what the best policy would have done."""
