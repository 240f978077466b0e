-- It may be NULL: code of version 10 can still be at work, and leaves it out.
ALTER TABLE items ADD COLUMN new_column BIGINT;
