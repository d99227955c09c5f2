"""From a changed profile to the visitor's open pages."""
