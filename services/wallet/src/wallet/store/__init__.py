"""All SQL of the wallet, for SQLite and PostgreSQL.

`batch` loads and saves what a batch of transfers touches (with the texts in `statements`),
`accounts` opens and finds accounts, `reports` answers questions about the ledger.
"""
