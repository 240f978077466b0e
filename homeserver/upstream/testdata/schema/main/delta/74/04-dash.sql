INSERT INTO step_log (step) VALUES ('main 74/04-dash.sql');
