"""What a run will do: every option, validated."""
