-- What a physical database knows of itself. The names of the tables that upstream has too are upstream's.

-- The schema set that the database belongs to. One row.
CREATE TABLE IF NOT EXISTS schema_set (
    name VARCHAR(255) NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The logical databases that were created here, without common.
CREATE TABLE IF NOT EXISTS schema_databases (
    name VARCHAR(255) NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The version of the schema; upgraded is false until a delta has been applied. One row.
CREATE TABLE IF NOT EXISTS schema_version (
    `Lock` CHAR(1) NOT NULL DEFAULT 'X',
    version INTEGER NOT NULL,
    upgraded BOOLEAN NOT NULL,
    UNIQUE KEY (`Lock`),
    CHECK (`Lock` = 'X')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The oldest version of the program that may still open the database. One row.
CREATE TABLE IF NOT EXISTS schema_compat_version (
    `Lock` CHAR(1) NOT NULL DEFAULT 'X',
    compat_version INTEGER NOT NULL,
    UNIQUE KEY (`Lock`),
    CHECK (`Lock` = 'X')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The deltas that were applied, or that the full schema contained already; file is "<version>/<name>". checksum is the
-- SHA-256 that the file had, and NULL for code.
CREATE TABLE IF NOT EXISTS applied_schema_deltas (
    version INTEGER NOT NULL,
    file VARCHAR(255) NOT NULL,
    checksum VARCHAR(64),
    UNIQUE KEY (version, file)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What was begun and cannot be one transaction: how many statements of a file are done, and, where the engine cannot undo
-- the next one, the catalog's checksum before it.
CREATE TABLE IF NOT EXISTS schema_progress (
    file VARCHAR(255) NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    statements INTEGER NOT NULL,
    catalog VARCHAR(64),
    PRIMARY KEY (file)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Migrations that are still to be done; a row is deleted when its work is.
CREATE TABLE IF NOT EXISTS background_updates (
    update_name VARCHAR(255) NOT NULL,
    progress_json LONGTEXT NOT NULL,
    depends_on VARCHAR(255),
    ordering INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT background_updates_uniqueness UNIQUE (update_name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
