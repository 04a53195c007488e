"""The way to a database: transactions, bulk statements, migrations, grants, alike on both."""
