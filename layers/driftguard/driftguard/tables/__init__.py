"""The DynamoDB tables, one module a table: the key design is in the class's docstring, queries are its methods."""
