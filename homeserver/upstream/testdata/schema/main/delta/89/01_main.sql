INSERT INTO step_log (step) VALUES ('main 89/01_main.sql');
