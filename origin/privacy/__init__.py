"""Showing and erasing what is known of a visitor."""
