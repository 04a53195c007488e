"""What the wallet reads and answers over HTTP: `public` for merchants, `batch` for services."""
