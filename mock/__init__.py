"""What a provider would answer: six wire formats, plain and streaming, and when each piece is due."""
