INSERT INTO step_log (step) VALUES ('common 94/02_settings.sql');
