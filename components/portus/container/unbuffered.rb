# Loaded by RUBYOPT: 2.5's worker logs to a pipe, which Ruby fills in blocks of 8 KiB (config/environments/production.rb).
$stdout.sync = true
