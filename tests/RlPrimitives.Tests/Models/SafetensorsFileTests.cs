using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

public class SafetensorsFileTests
{
    public static TheoryData<string> AllFiles()
    {
        var files = new TheoryData<string>();
        foreach (var path in Directory.EnumerateFiles(Fixtures.Path("models"), "*.safetensors", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            files.Add(Path.GetRelativePath(Fixtures.Path("models"), path));
        }

        return files;
    }

    [Fact]
    public void All_ten_fixture_folders_are_here() => Assert.Equal(10, Directory.GetDirectories(Fixtures.Path("models")).Length);

    [Theory]
    [MemberData(nameof(AllFiles))]
    public void A_file_read_and_written_again_is_the_same_byte_for_byte(string relative)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var path = Fixtures.Path(Path.Combine("models", relative));
        using var file = SafetensorsFile.Open(path);

        SafetensorsFile.Write(folder.In("copy.safetensors"), file.Entries.Keys.Reverse().Select(name => (name, file.Read(name))), file.Metadata);

        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(folder.In("copy.safetensors")));
    }

    [Theory]
    [MemberData(nameof(AllFiles))]
    public void Tensors_hold_the_bytes_that_the_header_points_to(string relative)
    {
        using var scope = NewDisposeScope();
        var path = Fixtures.Path(Path.Combine("models", relative));
        var bytes = File.ReadAllBytes(path);
        using var file = SafetensorsFile.Open(path);
        foreach (var entry in file.Entries.Values)
        {
            var tensor = file.Read(entry.Name);
            Assert.Equal(entry.Shape, tensor.shape);
            Assert.Equal(entry.Type, tensor.dtype);
            Assert.True(tensor.bytes.SequenceEqual(bytes.AsSpan((int)entry.Offset, (int)entry.Length)), entry.Name);
        }
    }

    [Fact]
    public void Every_supported_type_scalar_and_empty_tensor_survives_writing_and_reading()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var tensors = new List<(string Name, Tensor Tensor)>();
        foreach (var type in new[] { float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, @bool })
        {
            tensors.Add(($"{type}.matrix", arange(6).view(2, 3).to(type)));
            tensors.Add(($"{type}.scalar", ones([], dtype: type)));
            tensors.Add(($"{type}.empty", zeros([0, 3], dtype: type)));
            tensors.Add(($"{type}.transposed", arange(6).view(2, 3).to(type).t()));
        }

        SafetensorsFile.Write(folder.In("all.safetensors"), tensors);

        using var file = SafetensorsFile.Open(folder.In("all.safetensors"));
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(40, file.Entries.Count);
        foreach (var (name, tensor) in tensors)
        {
            var read = file.Read(name);
            Assert.Equal(tensor.dtype, read.dtype);
            Assert.Equal(tensor.shape, read.shape);
            Assert.True(tensor.to(float64).equal(read.to(float64)).all().item<bool>(), name);
        }
    }

    [Fact]
    public void Names_and_paths_may_hold_any_Unicode()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var names = new[] { "", "ключ", "a\"b\\c\n\u0001\u007f/", "𝒳", "\uffff" };
        var path = folder.In("модель 模型.safetensors");

        SafetensorsFile.Write(path, names.Select((name, i) => (name, tensor((float)i))), new Dictionary<string, string> { ["ä\t"] = "\u2028" });

        using var file = SafetensorsFile.Open(path);
        Assert.Equal("\u2028", file.Metadata["ä\t"]);
        Assert.Equal(Enumerable.Range(0, names.Length).Select(i => (float)i), names.Select(n => file.Read(n).item<float>()));
    }

    [Fact]
    public void A_misaligned_tensor_is_read_as_any_other()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var bytes = RawSafetensors.Of("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}""", 9);
        BitConverter.GetBytes(1.5f).CopyTo(bytes, bytes.Length - 8);
        BitConverter.GetBytes(-2f).CopyTo(bytes, bytes.Length - 4);
        using var file = SafetensorsFile.Open(folder.Write("odd.safetensors", bytes));

        Assert.Equal([1.5f, -2f], file.Read("b").data<float>().ToArray());
    }

    [Fact]
    public void A_tensor_outlives_the_file_object_and_the_file()
    {
        using var folder = new TemporaryFolder();
        Tensor read;
        using (var source = arange(1000, dtype: float32))
        {
            SafetensorsFile.Write(folder.In("a.safetensors"), [("x", source)]);
        }

        using (var file = SafetensorsFile.Open(folder.In("a.safetensors")))
        {
            read = file.Read("x");
        }

        if (OperatingSystem.IsLinux())
        {
            File.Delete(folder.In("a.safetensors"));
        }

        Assert.Equal(999f, read[999].item<float>());
        read.Dispose();
    }

    [Fact]
    public void Writing_into_a_tensor_leaves_the_file_alone()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(folder.In("a.safetensors"), [("x", ones(4))]);
        var before = File.ReadAllBytes(folder.In("a.safetensors"));
        using var file = SafetensorsFile.Open(folder.In("a.safetensors"));

        file.Read("x").fill_(7f);

        Assert.Equal(before, File.ReadAllBytes(folder.In("a.safetensors")));
    }

    [Fact]
    public void A_file_may_be_replaced_by_its_own_tensors()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(folder.In("a.safetensors"), [("x", arange(10, dtype: float32))]);
        using var file = SafetensorsFile.Open(folder.In("a.safetensors"));
        var before = File.ReadAllBytes(folder.In("a.safetensors"));

        SafetensorsFile.Write(folder.In("a.safetensors"), [("x", file.Read("x"))]);

        Assert.Equal(before, File.ReadAllBytes(folder.In("a.safetensors")));
        Assert.Equal(["a.safetensors"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void A_failed_write_keeps_the_old_file_and_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(folder.In("a.safetensors"), [("x", ones(4))]);
        var before = File.ReadAllBytes(folder.In("a.safetensors"));
        var gone = ones(4);
        IEnumerable<(string, Tensor)> Broken()
        {
            yield return ("x", gone);
            yield return ("y", ones(4));
            gone.Dispose();
        }

        Assert.ThrowsAny<Exception>(() => SafetensorsFile.Write(folder.In("a.safetensors"), Broken()));

        Assert.Equal(before, File.ReadAllBytes(folder.In("a.safetensors")));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Repeated_reserved_and_invalid_names_are_refused()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var x = ones(1);
        Assert.Contains("'a' is given 2 times", Assert.Throws<ArgumentException>(() => SafetensorsFile.Write(folder.In("f"), [("a", x), ("a", x)])).Message, StringComparison.Ordinal);
        Assert.Contains("reserved", Assert.Throws<ArgumentException>(() => SafetensorsFile.Write(folder.In("f"), [("__metadata__", x)])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => SafetensorsFile.Write(folder.In("f"), [("\ud800", x)]));
        Assert.Contains("'c' is of type", Assert.Throws<NotSupportedException>(() => SafetensorsFile.Write(folder.In("f"), [("c", x.to(complex64))])).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void An_unknown_name_and_a_changed_file_are_said_clearly()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(folder.In("a.safetensors"), [("x", ones(4))]);
        using var file = SafetensorsFile.Open(folder.In("a.safetensors"));
        Assert.Contains("no tensor 'y'", Assert.Throws<KeyNotFoundException>(() => file.Read("y")).Message, StringComparison.Ordinal);

        File.WriteAllBytes(folder.In("a.safetensors"), new byte[10]);

        Assert.Contains("found 10", Assert.Throws<IOException>(() => file.Read("x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_cut_after_it_was_opened_is_an_error_with_its_name_and_no_end_of_the_process()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(folder.In("a.safetensors"), [("x", ones(1 << 20))]);
        using var file = SafetensorsFile.Open(folder.In("a.safetensors"));
        Assert.Equal(1f, file.Read("x")[^1].item<float>());

        using (var cut = new FileStream(folder.In("a.safetensors"), FileMode.Open, FileAccess.Write))
        {
            cut.SetLength(cut.Length / 2);
        }

        foreach (var read in new Action[] { () => file.Read("x"), () => file.CopyTo("x", zeros(1 << 20)), () => file.CopyTo("x", zeros(1 << 20, dtype: float64)) })
        {
            var message = Assert.Throws<IOException>(read).Message;
            Assert.StartsWith(folder.In("a.safetensors"), message, StringComparison.Ordinal);
            Assert.Contains("'x'", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_is_cut_while_it_is_read_is_read_or_an_error_with_its_name()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var source = ones(8 << 20);
        for (var i = 0; i < 8; i++)
        {
            SafetensorsFile.Write(folder.In("a.safetensors"), [("x", source)]);
            using var file = SafetensorsFile.Open(folder.In("a.safetensors"));
            var wait = i;
            var cutter = new Thread(() =>
            {
                Thread.Sleep(wait);
                using var cut = new FileStream(folder.In("a.safetensors"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
                cut.SetLength(1000);
            });
            cutter.Start();
            using var target = zeros(8 << 20, dtype: float64);
            var error = Record.Exception(() => file.CopyTo("x", target));
            cutter.Join();
            Assert.True(error is null ? target[^1].item<double>() == 1 : error is IOException && error.Message.StartsWith(folder.In("a.safetensors"), StringComparison.Ordinal), $"{error}");
        }
    }

    [Fact]
    public void Copying_into_a_tensor_is_reading_and_copying_whatever_its_type_and_layout()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        var many = randn(5_000_000).to(bfloat16); // more than is converted at a time
        SafetensorsFile.Write(folder.In("a.safetensors"), [("long", many), ("matrix", arange(6, dtype: float32).view(2, 3)), ("none", zeros(0, 3)), ("number", tensor(2.5f))]);
        using var file = SafetensorsFile.Open(folder.In("a.safetensors"));

        var into = zeros(5_000_000);
        file.CopyTo("long", into);
        Assert.True(into.equal(many.to(float32)).all().item<bool>());
        var same = zeros(5_000_000, dtype: bfloat16);
        file.CopyTo("long", same);
        Assert.True(same.equal(many).all().item<bool>());
        var transposed = zeros(3, 2).t();
        file.CopyTo("matrix", transposed);
        Assert.Equal([0f, 1, 2, 3, 4, 5], transposed.contiguous().data<float>().ToArray());
        file.CopyTo("none", zeros(0, 3));
        file.CopyTo("none", zeros(0, 3, dtype: float64));
        var number = zeros([], dtype: float64);
        file.CopyTo("number", number);
        Assert.Equal(2.5, number.item<double>());
        var parameter = new TorchSharp.Modules.Parameter(zeros(2, 3));
        file.CopyTo("matrix", parameter); // with gradient
        Assert.Equal(5f, parameter[1, 2].item<float>());
        Assert.Contains("[2, 3]", Assert.Throws<ArgumentException>(() => file.CopyTo("matrix", zeros(3, 2))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_opened_inside_a_scope_can_be_read_after_it()
    {
        SafetensorsFile file;
        using (NewDisposeScope())
        {
            file = SafetensorsFile.Open(Fixtures.Path("models/gpt2_tied/model.safetensors"));
            _ = file.Read("transformer.wte.weight");
        }

        using var again = file.Read("transformer.wte.weight");
        Assert.Equal([96L, 32L], again.shape);
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Read("transformer.wte.weight"));
    }

    [Fact]
    public void Many_threads_may_read_at_once()
    {
        using var file = SafetensorsFile.Open(Fixtures.Path("models/gpt2_tied/model.safetensors"));
        var names = file.Entries.Keys.ToArray();

        var sums = Enumerable.Range(0, 8).AsParallel().WithDegreeOfParallelism(4).Select(_ => names.Sum(name =>
        {
            using var tensor = file.Read(name);
            using var sum = tensor.sum();
            return sum.item<float>();
        })).ToArray();

        Assert.All(sums, sum => Assert.Equal(sums[0], sum));
    }

    [Fact]
    public void Reading_leaves_no_tensors_behind()
    {
        var path = Fixtures.Path("models/gpt2_tied/model.safetensors");
        long Live() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount; // of this thread: tests run side by side
        void Once()
        {
            using var file = SafetensorsFile.Open(path);
            foreach (var name in file.Entries.Keys)
            {
                file.Read(name).Dispose();
            }
        }

        Once();
        var before = Live();
        for (var i = 0; i < 5; i++)
        {
            Once();
        }

        Assert.Equal(before, Live());
    }
}
