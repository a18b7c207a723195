module laneq

go 1.19
