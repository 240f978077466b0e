-- What a physical database knows of itself. The names of the tables that upstream has too are upstream's.

-- The schema set that the database belongs to. One row.
CREATE TABLE IF NOT EXISTS schema_set (
    name TEXT NOT NULL,
    PRIMARY KEY (name)
);

-- The logical databases that were created here, without common.
CREATE TABLE IF NOT EXISTS schema_databases (
    name TEXT NOT NULL,
    PRIMARY KEY (name)
);

-- The version of the schema; upgraded is false until a delta has been applied. One row.
CREATE TABLE IF NOT EXISTS schema_version (
    Lock CHAR(1) NOT NULL DEFAULT 'X',
    version INTEGER NOT NULL,
    upgraded BOOLEAN NOT NULL,
    UNIQUE (Lock),
    CHECK (Lock = 'X')
);

-- The oldest version of the program that may still open the database. One row.
CREATE TABLE IF NOT EXISTS schema_compat_version (
    Lock CHAR(1) NOT NULL DEFAULT 'X',
    compat_version INTEGER NOT NULL,
    UNIQUE (Lock),
    CHECK (Lock = 'X')
);

-- The deltas that were applied, or that the full schema contained already; file is "<version>/<name>". checksum is the
-- SHA-256 that the file had, and NULL for code.
CREATE TABLE IF NOT EXISTS applied_schema_deltas (
    version INTEGER NOT NULL,
    file TEXT NOT NULL,
    checksum TEXT,
    UNIQUE (version, file)
);

-- What was begun and cannot be one transaction: how many statements of a file are done, and, where the engine cannot undo
-- the next one, the catalog's checksum before it.
CREATE TABLE IF NOT EXISTS schema_progress (
    file TEXT NOT NULL,
    checksum TEXT NOT NULL,
    statements INTEGER NOT NULL,
    catalog TEXT,
    PRIMARY KEY (file)
);

-- Migrations that are still to be done; a row is deleted when its work is.
CREATE TABLE IF NOT EXISTS background_updates (
    update_name TEXT NOT NULL,
    progress_json TEXT NOT NULL,
    depends_on TEXT,
    ordering INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT background_updates_uniqueness UNIQUE (update_name)
);
