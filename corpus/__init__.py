"""What is taught, as data, with the schema that validates it. Imports nothing of tutor's."""
