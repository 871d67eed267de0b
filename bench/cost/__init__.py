"""What a month on AWS costs: prices, measurements and the page that `make cost` writes."""
