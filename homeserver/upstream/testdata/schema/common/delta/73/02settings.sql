CREATE TABLE settings (name TEXT NOT NULL);
INSERT INTO step_log (step) VALUES ('common 73/02settings.sql');
