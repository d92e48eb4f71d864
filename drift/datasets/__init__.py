"""Published data: ELEC, sets of images, and the downloads behind them."""
