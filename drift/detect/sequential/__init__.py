"""Evidence that grows over blocks and stays valid however often one looks: bets against "nothing got worse"."""
