package system

// All are the systems in the order of the results. binary is pianola. against is pianola of
// another revision; empty: none.
func All(binary, against string) []System {
	all := []System{
		Pianola{Binary: binary, Protocol: "native"},
		Pianola{Binary: binary, Protocol: "http"},
		KafkaEngine{},
		KafkaEngine{Plain: true},
		File{},
		File{Unoptimized: true},
		Afternoon{},
	}
	if against != "" {
		all = append(all, Pianola{Binary: against, Protocol: "native", As: Against})
	}
	return all
}

// Consumes says whether a system reads Kafka, and so has a latency.
func Consumes(s System) bool {
	_, file := s.(File)
	return !file
}

// HasProcess says whether a system works in a process of its own.
func HasProcess(s System) bool {
	switch s.(type) {
	case Pianola, Afternoon:
		return true
	default:
		return false
	}
}

// IsPianola says whether a system is Pianola of some revision.
func IsPianola(s System) bool {
	_, ok := s.(Pianola)
	return ok
}

// Against is the name of Pianola of another revision.
const Against = "against"
