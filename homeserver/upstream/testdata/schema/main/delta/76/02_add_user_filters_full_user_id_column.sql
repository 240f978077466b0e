ALTER TABLE user_filters ADD COLUMN full_user_id TEXT;
INSERT INTO step_log (step) VALUES ('main 76/02_add_user_filters_full_user_id_column.sql');
