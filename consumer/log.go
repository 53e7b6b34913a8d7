package consumer

// LogGenerationStarted is a log message that trials match.
const LogGenerationStarted = "generation started"
