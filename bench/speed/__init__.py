"""What a check, a fold and their reads cost, beside other tools where these are installed."""
