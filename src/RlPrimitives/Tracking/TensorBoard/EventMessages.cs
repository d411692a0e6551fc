using System.Text;

namespace RlPrimitives.Tracking;

/// <summary>The protobuf messages of an event file (event.proto, summary.proto, tensor.proto and histogram.proto of TensorBoard); numbers are those of their fields.</summary>
internal static class EventMessages
{
    private const int Buckets = 30;

    /// <summary>The first event of a file.</summary>
    public static ProtoMessage Version(DateTimeOffset time) => new ProtoMessage().Real(1, Seconds(time)).Text(3, "brain.Event:2");

    /// <summary>Event { wall_time 1, step 2, summary 5 { value 1 … } }.</summary>
    public static ProtoMessage Summary(DateTimeOffset time, int step, IEnumerable<ProtoMessage> values)
    {
        var summary = new ProtoMessage();
        foreach (var value in values)
        {
            summary.Message(1, value);
        }

        return new ProtoMessage().Real(1, Seconds(time)).Integer(2, step).Message(5, summary);
    }

    /// <summary>Value { tag 1, simple_value 2 }.</summary>
    public static ProtoMessage Scalar(string tag, double value) => new ProtoMessage().Text(1, tag).Single(2, (float)value);

    /// <summary>Value { tag 1, histo 5 { min 1, max 2, num 3, sum 4, sum_squares 5, bucket_limit 6, bucket 7 } } of the finite values; null without any.</summary>
    public static ProtoMessage? Histogram(string tag, IEnumerable<float> numbers)
    {
        var values = numbers.Where(float.IsFinite).Select(v => (double)v).ToArray();
        if (values.Length == 0)
        {
            return null;
        }

        var (min, max) = (values.Min(), values.Max());
        var width = max > min ? (max - min) / Buckets : 1;
        var count = max > min ? Buckets : 1;
        var counts = new double[count];
        foreach (var value in values)
        {
            counts[Math.Min(count - 1, (int)((value - min) / width))]++;
        }

        var limits = Enumerable.Range(1, count).Select(i => i == count ? Math.Max(max, min + (i * width)) : min + (i * width)).ToArray();
        return new ProtoMessage().Text(1, tag).Message(5, new ProtoMessage()
            .Real(1, min).Real(2, max).Real(3, values.Length).Real(4, values.Sum()).Real(5, values.Sum(v => v * v)).Reals(6, limits).Reals(7, counts));
    }

    /// <summary>Value { tag 1, metadata 9 { plugin_data 1 { plugin_name 1 } }, tensor 8 { dtype 1 = DT_STRING, tensor_shape 2 { dim 2 { size 1 } }, string_val 8 … } }.</summary>
    public static ProtoMessage Texts(string tag, IReadOnlyCollection<string> texts)
    {
        var tensor = new ProtoMessage().Integer(1, 7).Message(2, new ProtoMessage().Message(2, new ProtoMessage().Integer(1, texts.Count)));
        foreach (var text in texts)
        {
            tensor.Bytes(8, Encoding.UTF8.GetBytes(text));
        }

        return new ProtoMessage().Text(1, tag).Message(9, new ProtoMessage().Message(1, new ProtoMessage().Text(1, "text"))).Message(8, tensor);
    }

    private static double Seconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;
}
