namespace RlPrimitives.Tests.Rewards;

/// <summary>Time that passes when told to.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly List<Timer> timers = [];
    private readonly Lock sync = new();
    private TimeSpan now;

    public void Advance(TimeSpan by)
    {
        Timer[] due;
        lock (sync)
        {
            now += by;
            due = [.. timers.Where(t => t.Due <= now)];
            timers.RemoveAll(t => t.Due <= now);
        }

        foreach (var timer in due)
        {
            timer.Run();
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (sync)
        {
            return now.Ticks;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (sync)
        {
            var timer = new Timer(this, dueTime < TimeSpan.Zero ? TimeSpan.MaxValue : now + dueTime, () => callback(state));
            timers.Add(timer);
            return timer;
        }
    }

    private sealed record Timer(ManualTime Owner, TimeSpan Due, Action Run) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose()
        {
            lock (Owner.sync)
            {
                Owner.timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
