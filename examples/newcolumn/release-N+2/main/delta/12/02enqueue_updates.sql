INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('fill_new_column', '{}', 1202);
INSERT INTO background_updates (update_name, progress_json, ordering, depends_on)
    VALUES ('validate_new_column', '{}', 1202, 'fill_new_column');
