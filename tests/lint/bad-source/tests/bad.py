"""Python counts too."""
	value = 1
