"""When calls start: schedules, and the permits that count calls out."""
