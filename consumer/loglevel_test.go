package consumer_test

import "go.uber.org/zap"

const zapLevel = zap.ErrorLevel + 1 // set to DebugLevel to see what a failing test does
