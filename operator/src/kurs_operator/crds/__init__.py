"""The custom resource definitions, generated from the models of `kurs.config.resources`."""
