//! Places on the earth as scores: 52 bits of longitude and latitude,
//! interleaved, so that what is near in a sorted set is mostly near.
//!
//! Longitudes and latitudes are in degrees, distances in metres on a sphere.
//! The functions of angles are `libm`'s, which are the same on every machine.

/// Bits of a score for each of the two.
pub(super) const STEPS: u32 = 26;
const EARTH_RADIUS: f64 = 6_372_797.560_856;
/// Half the equator as Mercator's projection has it.
const MERCATOR_MAX: f64 = 20_037_726.37;
const RADIANS: f64 = std::f64::consts::PI / 180.0;
/// The latitudes that this projection has.
const LATITUDE_MAX: f64 = 85.051_128_78;
const LONGITUDE_MAX: f64 = 180.0;

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Position {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

impl Position {
    /// Whether it can be a score.
    pub(super) fn is_on_the_map(self) -> bool {
        (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&self.longitude)
            && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&self.latitude)
    }

    pub(super) fn score(self) -> u64 {
        Cell::of(self, STEPS, LATITUDE_MAX).bits
    }

    /// The middle of what such scores stand for.
    pub(super) fn of_score(score: f64) -> Position {
        let area = Cell {
            bits: as_unsigned(score),
            steps: STEPS,
        }
        .area();
        let middle = |low: f64, high: f64, max: f64| ((low + high) / 2.0).clamp(-max, max);
        Position {
            longitude: middle(area.west, area.east, LONGITUDE_MAX),
            latitude: middle(area.south, area.north, LATITUDE_MAX),
        }
    }

    /// The place in eleven letters, as others write it: with latitudes up to
    /// the poles.
    pub(super) fn geohash(self) -> String {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::of(self, STEPS, 90.0).bits;
        let letters = (1..=10).map(|index| bits >> (52 - index * 5) & 0x1f);
        // Two bits are left for the last one, and not used.
        let letters = letters.chain([0]);
        letters
            .map(|letter| char::from(LETTERS[usize::try_from(letter).unwrap_or(0)]))
            .collect()
    }

    /// The length of the way to another point.
    pub(super) fn distance(self, other: Position) -> f64 {
        let half = |from: f64, to: f64| libm::sin((to * RADIANS - from * RADIANS) / 2.0);
        let v = half(self.longitude, other.longitude);
        if v == 0.0 {
            return self.distance_in_latitude(other);
        }
        let u = half(self.latitude, other.latitude);
        let cosine = |degrees: f64| libm::cos(degrees * RADIANS);
        let a = u * u + cosine(self.latitude) * cosine(other.latitude) * v * v;
        2.0 * EARTH_RADIUS * libm::asin(a.sqrt())
    }

    fn distance_in_latitude(self, other: Position) -> f64 {
        EARTH_RADIUS * (other.latitude * RADIANS - self.latitude * RADIANS).abs()
    }
}

/// What is searched, around a point; in metres.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

impl Shape {
    /// How far a point is, if it is inside.
    pub(super) fn distance_within(self, centre: Position, point: Position) -> Option<f64> {
        let distance = || centre.distance(point);
        match self {
            Shape::Circle { radius } => Some(distance()).filter(|distance| *distance <= radius),
            Shape::Box { width, height } => {
                let above = Position {
                    latitude: point.latitude,
                    ..centre
                };
                let is_inside = point.distance_in_latitude(centre) <= height / 2.0
                    && point.distance(above) <= width / 2.0;
                is_inside.then(distance)
            }
        }
    }

    /// From the middle to the farthest point.
    fn reach(self) -> f64 {
        match self {
            Shape::Circle { radius } => radius,
            Shape::Box { width, height } => {
                let (width, height) = (width / 2.0, height / 2.0);
                (width * width + height * height).sqrt()
            }
        }
    }

    fn bounds(self, centre: Position) -> Area {
        let (width, height) = match self {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let up = height / EARTH_RADIUS / RADIANS;
        // The farther from the equator, the more degrees are that wide.
        let widest = match centre.latitude < 0.0 {
            true => centre.latitude - up,
            false => centre.latitude + up,
        };
        let aside = width / EARTH_RADIUS / libm::cos(widest * RADIANS) / RADIANS;
        Area {
            west: centre.longitude - aside,
            east: centre.longitude + aside,
            south: centre.latitude - up,
            north: centre.latitude + up,
        }
    }

    /// The ranges of scores, the upper ends not included, in which what is
    /// inside is found, in the order in which Redis looks through them.
    pub(super) fn ranges(self, centre: Position) -> Vec<(u64, u64)> {
        let bounds = self.bounds(centre);
        let mut steps = steps_for(self.reach(), centre.latitude);
        let mut cell = Cell::of(centre, steps, LATITUDE_MAX);
        if steps > 1 && !cell.surroundings_cover(&bounds) {
            steps -= 1;
            cell = Cell::of(centre, steps, LATITUDE_MAX);
        }
        let area = cell.area();
        let useless = |(x, y): (i8, i8)| {
            steps >= 2
                && (y < 0 && area.south < bounds.south
                    || y > 0 && area.north > bounds.north
                    || x < 0 && area.west < bounds.west
                    || x > 0 && area.east > bounds.east)
        };
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (x, y) in NEIGHBOURS.into_iter().filter(|way| !useless(*way)) {
            let range = cell.moved(x, y).scores();
            // Neighbours can be the same where cells are large. The first cell
            // is not looked at again in Redis either.
            if ranges.len() < 2 || ranges.last() != Some(&range) {
                ranges.push(range);
            }
        }
        ranges
    }
}

/// A cell itself and those around it, east and north.
const NEIGHBOURS: [(i8, i8); 9] = [
    (0, 0),
    (0, 1),
    (0, -1),
    (1, 0),
    (-1, 0),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
];

/// How fine cells may be so that nine of them cover so many metres around a
/// point at this latitude.
fn steps_for(mut reach: f64, latitude: f64) -> u32 {
    if reach == 0.0 {
        return STEPS;
    }
    let mut steps = 1_i32;
    while reach < MERCATOR_MAX {
        reach *= 2.0;
        steps += 1;
    }
    steps -= 2;
    steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    u32::try_from(steps).unwrap_or(0).clamp(1, STEPS)
}

/// A part of the map, in degrees.
#[derive(Debug, Clone, Copy)]
struct Area {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

/// A part of the map that has been halved so many times both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    /// Longitude in the odd bits, latitude in the even ones.
    bits: u64,
    steps: u32,
}

/// The bits of latitude.
const EVEN: u64 = 0x5555_5555_5555_5555;

impl Cell {
    fn of(point: Position, steps: u32, latitude_max: f64) -> Cell {
        let parts = (1_u64 << steps) as f64;
        let part = |value: f64, max: f64| ((value + max) / (max + max) * parts) as u32;
        let latitude = spread(part(point.latitude, latitude_max));
        let longitude = spread(part(point.longitude, LONGITUDE_MAX));
        Cell {
            bits: latitude | longitude << 1,
            steps,
        }
    }

    fn area(self) -> Area {
        let parts = (1_u64 << self.steps) as f64;
        let edge = |part: u32, max: f64| -max + f64::from(part) / parts * (max + max);
        let (latitude, longitude) = (gather(self.bits), gather(self.bits >> 1));
        Area {
            west: edge(longitude, LONGITUDE_MAX),
            east: edge(longitude.wrapping_add(1), LONGITUDE_MAX),
            south: edge(latitude, LATITUDE_MAX),
            north: edge(latitude.wrapping_add(1), LATITUDE_MAX),
        }
    }

    /// The cell next to it, east and north. At the edge of the map it is on
    /// the other side.
    fn moved(self, east: i8, north: i8) -> Cell {
        let all = u64::MAX >> (64 - 2 * self.steps);
        // What lies between the bits is filled so that carries cross it.
        let step = |bits: u64, own: u64, by: i8| {
            let between = !own & all;
            let moved = match by {
                0 => bits,
                1.. => bits.wrapping_add(between + 1),
                _ => (bits | between).wrapping_sub(between + 1),
            };
            moved & own & all
        };
        Cell {
            bits: step(self.bits & !EVEN, !EVEN, east) | step(self.bits & EVEN, EVEN, north),
            ..self
        }
    }

    /// Whether the four cells beside it reach as far as the bounds.
    fn surroundings_cover(self, bounds: &Area) -> bool {
        self.moved(0, 1).area().north >= bounds.north
            && self.moved(0, -1).area().south <= bounds.south
            && self.moved(1, 0).area().east >= bounds.east
            && self.moved(-1, 0).area().west <= bounds.west
    }

    /// The scores of what is in it, the last one not included.
    fn scores(self) -> (u64, u64) {
        let shift = 52 - 2 * self.steps;
        (self.bits << shift, (self.bits + 1) << shift)
    }
}

/// What x86-64 makes of a double that is cast to an unsigned integer in C,
/// whether it fits or not.
fn as_unsigned(value: f64) -> u64 {
    const HALF: f64 = (1_u64 << 63) as f64;
    let above = value - HALF;
    if value < HALF {
        (value as i64).cast_unsigned()
    } else if above < HALF {
        (above as u64) | 1 << 63
    } else {
        0
    }
}

/// Makes room between the bits of a number for those of another one.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, EVEN),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Every second bit of a number, from the lowest on.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & EVEN;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    u32::try_from(bits).unwrap_or(u32::MAX)
}
