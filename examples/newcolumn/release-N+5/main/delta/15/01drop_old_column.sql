-- Code of version 13 writes to this column. The compat version is 14 from now on, so that it refuses to start.
ALTER TABLE items DROP COLUMN old_column;
