"""What operators do: back up, scale out, upgrade."""
