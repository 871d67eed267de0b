"""Lambda functions in processes of their own, run as Lambda runs them."""
