ALTER TABLE profiles ADD COLUMN full_user_id TEXT;
INSERT INTO step_log (step) VALUES ('main 76/01_add_profiles_full_user_id_column.sql');
