INSERT INTO step_log (step) VALUES ('state 89/00_first.sql');
