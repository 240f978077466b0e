ALTER TABLE settings ADD COLUMN note VARCHAR(50);
INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('fill_notes', '{}', 401);
