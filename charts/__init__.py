"""A run's charts as plotly figures, and the HTML page around them."""
