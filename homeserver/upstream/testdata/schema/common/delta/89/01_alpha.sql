INSERT INTO step_log (step) VALUES ('common 89/01_alpha.sql');
