-- What is kept of the schema.
CREATE TABLE IF NOT EXISTS schema_version (
    Lock CHAR(1) NOT NULL DEFAULT 'X', version INTEGER NOT NULL, upgraded BOOL NOT NULL, UNIQUE (Lock), CHECK (Lock = 'X')
);
CREATE TABLE IF NOT EXISTS schema_compat_version (
    Lock CHAR(1) NOT NULL DEFAULT 'X', compat_version INTEGER NOT NULL, UNIQUE (Lock), CHECK (Lock = 'X')
);
CREATE TABLE IF NOT EXISTS applied_schema_deltas (version INTEGER NOT NULL, file TEXT NOT NULL, UNIQUE (version, file));
CREATE TABLE IF NOT EXISTS applied_module_schemas (module_name TEXT NOT NULL, file TEXT NOT NULL, UNIQUE (module_name, file))
