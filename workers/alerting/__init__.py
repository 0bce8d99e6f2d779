"""The process that tells people of alerts, apart from everything that trades."""
